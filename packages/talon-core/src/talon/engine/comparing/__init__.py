"""Two runs compared step by step and node by node: where they part, and whether the fault is there or came in."""
