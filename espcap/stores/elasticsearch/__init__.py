"""The store in an Elasticsearch cluster."""
