"""From floats to integers: folding, calibration, scales, and the record of what was done."""
