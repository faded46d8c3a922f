"""What the command line, the app and the node say alike: words and rows for people. No I/O, nothing of a terminal."""
