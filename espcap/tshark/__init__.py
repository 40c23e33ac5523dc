"""The one room that runs Wireshark's programs: finds them, says what to run, runs it and says how it ended."""
