"""What the command line, the app and the node say alike: words, counts and outcomes. No I/O."""
