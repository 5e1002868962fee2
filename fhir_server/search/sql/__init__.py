"""Searches to SQLAlchemy Core: conditions, order, the page of matches, what it includes.

May import the plan and the kinds of `search`, and the store's tables. Every statement has the predicate in it.
"""
