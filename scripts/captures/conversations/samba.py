"""What the configurations of Samba's servers have in common."""

GLOBAL = """
[global]
server role = standalone server
netbios name = server
workgroup = EXAMPLE
private dir = {place}
lock directory = {place}
state directory = {place}
cache directory = {place}
pid directory = {place}
ncalrpc dir = {place}/rpc
log file = {place}/log
interfaces = {address}/24
bind interfaces only = yes
disable netbios = yes
load printers = no
rpc start on demand helpers = no
"""
"""`place` is a folder for all files of the server, and `address` the one that it listens on."""
