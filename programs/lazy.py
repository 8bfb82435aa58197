"""Attributes of immutable objects that are computed when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class lazy(Generic[T]):
    """As ``functools.cached_property``, without the lock that it takes in Python 3.11: two threads may both compute the
    value, which for a function of an immutable object is the same."""

    def __init__(self, function: Callable[[Any], T]):
        self._function = function
        self._name = function.__name__
        self.__doc__ = function.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> lazy[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object, owner: type) -> T | lazy[T]:
        if instance is None:
            return self
        value = self._function(instance)
        # The instance's own attribute is found first from now on.
        instance.__dict__[self._name] = value
        return value
