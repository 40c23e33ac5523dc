"""Packets from their original captures: for show, extract, and searches with --captures."""
