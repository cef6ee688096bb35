"""Cells: the kinds of work that a study is made of, one module each."""

from pauca.study.cells.base import AbstractCell, Desk, cells

__all__ = ["AbstractCell", "Desk", "cells"]
