"""Names of Wireshark's fields with times in NTP's form, in which zero means that the time is not set."""

_KEYS = {
    "diameter": ["3gpp.mbms_abs_time_ofmbms_data_tfer"],
    "gtp": [
        "ext_hdr.pdu_ses_cont.dl_recv_time_stamp",
        "ext_hdr.pdu_ses_cont.dl_send_time_stamp",
        "ext_hdr.pdu_ses_cont.dl_send_time_stamp_repeat",
        "ext_hdr.pdu_ses_cont.ul_send_time_stamp",
    ],
    "gtpv2": [
        "abs_time_mbms_data",
        "secondary_rat_usage_data_report.end_timestamp",
        "secondary_rat_usage_data_report.start_timestamp",
        "timestamp_value",
        "twan.id_ts",
        "uli_timestamp",
    ],
    "m3ap": ["Absolute_Time_ofMBMS_Data_value"],
    "ntp": ["org", "priv.tstamp", "rec", "reftime", "xmt"],
    "ocp1": ["params.time_ntp"],
    "pfcp": [
        "activation_time",
        "bbf.event_time_stamp",
        "deactivation_time",
        "end_time",
        "monitoring_time",
        "recovery_time_stamp",
        "remote_gtp_u_peer.time_stamp",
        "start_time",
        "time_of_first_packet",
        "time_of_last_packet",
        "time_stamp",
        "travelping.now",
    ],
    "rtcp": ["app.poc1.request.ts"],
}
NTP_TIMES = frozenset(f"{layer}.{key}" for layer, keys in _KEYS.items() for key in keys)
"""Fields of Wireshark 4.4 and 4.6 with the base ABSOLUTE_TIME_NTP_UTC, which `tshark -G fields` does not print."""
