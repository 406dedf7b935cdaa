"""What the commands `sync` and `sources` do and draw. Reads no flags and chooses no exit code: app.cli does."""
