"""Completes documents of protocols in ways that a declaration cannot say.

Each module has a function `complete(transaction, source)`, which changes the document `source`.
"""
