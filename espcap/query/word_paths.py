"""The texts of a packet in which a word without a field is searched.

The fields are of type text in every version of Wireshark. Texts that Wireshark's column Info contains anyway (responses
of FTP, POP and IMAP) are left out. Addresses, ports and protocols are searched as whole values: see
`espcap.query.lucene`.
"""

_FIELDS = {
    "http": "host request_uri request_full_uri user_agent server referer location authbasic cookie set_cookie",
    "http2": "header_value",
    "http3": "headers_header_value",
    "urlencoded-form": "key value",
    "json": "value_string",
    "dns": "qry_name resp_name cname ns mx_mail_exchange ptr_domain_name srv_target txt",
    "nbns": "name",
    "dhcp": "option_hostname option_vendor_class_id fqdn_name",
    "tls": "handshake_extensions_server_name",
    "x509ce": "dNSName",
    "x509sat": "uTF8String printableString",
    "smb": "file path",
    "smb2": "filename tree",
    "nfs": "name",
    "ftp": "request_arg",
    "tftp": "source_file destination_file",
    "ntlmssp": "auth_username auth_domain auth_hostname",
    "kerberos": "CNameString SNameString realm",
    "ldap": "name baseObject assertionValue",
    "radius": "User_Name",
    "eap": "identity",
    "smtp": "req_parameter auth_username auth_password",
    "imf": "from to cc subject",
    "imap": "line",
    "sip": "From To r-uri User-Agent auth_username",
    "irc": "request_command_parameter response_command_parameter",
    "mqtt": "topic username",
    "mysql": "user query",
    "pgsql": "query",
    "snmp": "community",
    "telnet": "data",
    "lldp": "tlv_system_name",
    "cdp": "deviceid",
}

WORD_PATHS = ("info", *(f"layers.{layer}.{key}" for layer, keys in _FIELDS.items() for key in keys.split()))
"""Paths of documents. A packet has only a few of them."""
