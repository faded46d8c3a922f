"""What other systems read: one module for each foreign format that is written, named with its version. Records and what
stands behind them go in, JSON comes out; nothing is fetched, and what a format cannot say is left out and listed in
tongues.md. `importers` reads the same formats back."""
