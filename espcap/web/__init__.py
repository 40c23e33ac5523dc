"""The web page of `espcap serve`: search, look at packets, and index what is dropped on it."""
