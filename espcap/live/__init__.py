"""Live captures: the ring of files that dumpcap writes, the spool that contains it, and the feed from it to tshark."""
