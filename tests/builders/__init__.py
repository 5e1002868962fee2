"""Builders: plain functions that return resources as JSON objects, shaped as the Gravity guide shows them.

Each takes what a test is likely to vary as keywords; `**members` replaces or adds any other top-level member.
"""
