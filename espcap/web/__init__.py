"""The web page of `espcap serve`: searches and shows packets, and indexes captures that are dropped on it."""
