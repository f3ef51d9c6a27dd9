"""Organisations: who shares one installation without seeing each other."""
