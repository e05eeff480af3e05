"""The report of a network on a chip: every figure as plain values (`figures`), and one offline HTML page (`page`)."""
