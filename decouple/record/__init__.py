"""What a run leaves behind and shows while it runs; knows nothing of networks."""
