"""Records small conversations of servers and clients into test_transactions/, with the transactions in them.

Each module has one kind of server, and functions that write a capture to `path` and return its transactions, as the
client and the server know them. `log` finds their frames by the bytes that were sent and received.

Servers run as programs, never as services, with a temporary folder each. What they need:

- all: setpriv (util-linux)
- postgresql: psycopg[binary]; the server (postgresql)
- mysql: mysql-connector-python; mariadbd (mariadb-server-core)
- redis: redis; redis-server
- memcached: python-binary-memcached; memcached
- mailboxes: dovecot (dovecot-imapd, dovecot-pop3d)
- ftp: pyftpdlib
- ldap: ldap3; slapd
- mqtt: mosquitto
- snmp: snmpd; its programs (snmp)
- modbus: pymodbus
- websocket: websockets
- sip: sipp (sip-tester)
- rtp: nothing
- ntp: ntplib; chronyd (chrony)
- radius: freeradius; radclient (freeradius-utils)
- mongodb: pymongo; ferretdb (FerretDB 1 with SQLite)
- amqp: pika; rabbitmq-server
- kerberos: krb5kdc, kdb5_util (krb5-kdc), kadmin.local (krb5-admin-server), kinit, kvno (krb5-user)
- thrift: thriftpy2
- rpc: rpcbind
- grpc: grpcio
- ssh: sshd (openssh-server), ssh and ssh-keygen (openssh-client)
- smb: smbd (samba), smbclient; unshare (util-linux), hostname
- nfs: rpcbind; ganesha.nfsd (nfs-ganesha, nfs-ganesha-mem)
- kafka: java; the libraries of org.apache.kafka:kafka_2.13 (see the module)
- tls: openssl
- dns: nsd
- http1: nginx (nginx-light)
- http2: h2; nghttpd (nghttp2-server)
- dcerpc: samba-dcerpcd (samba); unshare (util-linux), hostname
- cassandra: java (17); the libraries of org.apache.cassandra:cassandra-all (see the module)
"""

from collections.abc import Callable
from pathlib import Path

from . import (
    amqp,
    cassandra,
    dcerpc,
    dns,
    ftp,
    grpc,
    http1,
    http2,
    kafka,
    kerberos,
    ldap,
    mailboxes,
    memcached,
    modbus,
    mongodb,
    mqtt,
    mysql,
    nfs,
    ntp,
    postgresql,
    radius,
    redis,
    rpc,
    rtp,
    sip,
    smb,
    snmp,
    ssh,
    thrift,
    tls,
    websocket,
)
from .log import Transaction

CONVERSATIONS: dict[str, Callable[[Path], list[Transaction]]] = {
    "postgresql.pcap": postgresql.postgresql,
    "mysql.pcap": mysql.mysql,
    "redis.pcap": redis.redis,
    "memcached_text.pcap": memcached.memcached_text,
    "memcached_binary.pcap": memcached.memcached_binary,
    "imap.pcap": mailboxes.imap,
    "pop3.pcap": mailboxes.pop3,
    "ftp.pcap": ftp.ftp,
    "ldap.pcap": ldap.ldap,
    "mqtt.pcap": mqtt.mqtt,
    "snmp.pcap": snmp.snmp,
    "modbus.pcap": modbus.modbus,
    "websocket.pcap": websocket.websocket,
    "sip.pcap": sip.sip,
    "rtp.pcap": rtp.rtp,
    "ntp.pcap": ntp.ntp,
    "radius.pcap": radius.radius,
    "mongodb.pcap": mongodb.mongodb,
    "amqp.pcap": amqp.amqp,
    "kerberos.pcap": kerberos.kerberos,
    "thrift.pcap": thrift.thrift,
    "rpc.pcap": rpc.rpc,
    "grpc.pcap": grpc.grpc,
    "ssh.pcap": ssh.ssh,
    "smb2.pcap": smb.smb2,
    "nfs.pcap": nfs.nfs,
    "kafka.pcap": kafka.kafka,
    "tls.pcap": tls.tls,
    "dns_server.pcap": dns.dns,
    "http1.pcap": http1.http1,
    "http2_streams.pcap": http2.http2,
    "dcerpc.pcap": dcerpc.dcerpc,
    "cassandra.pcap": cassandra.cassandra,
}
