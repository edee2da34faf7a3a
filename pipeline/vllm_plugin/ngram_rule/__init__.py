"""The rule against repetition: no sequence of n tokens twice within a window, on the device."""
