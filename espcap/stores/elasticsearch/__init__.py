"""The store that is an Elasticsearch cluster."""
