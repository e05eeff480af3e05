"use strict";
// Tables are sorted by a click on a head; without this script they stand in their first order.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "descending" || (!head.hasAttribute("aria-sort") && !head.classList.contains("num"));
      const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)], [p, q] = [Number(x), Number(y)];
        return Number.isNaN(p) || Number.isNaN(q) ? Number.isNaN(p) - Number.isNaN(q) || x.localeCompare(y) : p - q;
      };
      const rows = [...table.tBodies[0].rows].sort((a, b) => (up ? compare(a, b) : compare(b, a)));
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      table.tBodies[0].append(...rows);
    });
  });
}
// A layer under the pointer lights its cores.
for (const row of document.querySelectorAll("tr[data-layer]")) {
  const cores = [...document.querySelectorAll(".core")].filter((core) => core.dataset.layers.split(" ").includes(row.dataset.layer));
  row.addEventListener("pointerenter", () => cores.forEach((core) => core.classList.add("lit")));
  row.addEventListener("pointerleave", () => cores.forEach((core) => core.classList.remove("lit")));
}
// What is under the pointer in the raster, in words.
const said = document.getElementById("under"), picture = document.getElementById("raster-svg");
if (said && picture) {
  const data = JSON.parse(document.getElementById("raster-data").textContent);
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect(), zoom = picture.viewBox.baseVal.width / box.width;
    const row = data.rows[Math.floor(((event.clientY - box.top) * zoom - data.top) / data.row)];
    const column = row ? Math.floor((((event.clientX - box.left) * zoom - data.left) / data.width) * row.length) : -1;
    if (!row || row[column] === undefined) return;
    const name = data.names[data.rows.indexOf(row)], first = column * data.pooled;
    const steps = data.pooled > 1 ? `steps ${first} to ${Math.min(first + data.pooled, data.steps) - 1}, a step` : `step ${first}`;
    said.textContent = `${name}, ${steps}: ${row[column].toLocaleString("en")} spikes`;
  });
}
