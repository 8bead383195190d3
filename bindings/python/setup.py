"""What pyproject.toml cannot say: the wheel is for one platform if the library is inside, for every Python 3 there.

packaging/bindings of the project puts the library in and names the platform.
"""

import os

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel

PLATFORM = os.environ.get("EVENTSOURCE_WHEEL_PLATFORM")


class Platform(Distribution):
    def has_ext_modules(self):
        return PLATFORM is not None


class Wheel(bdist_wheel):
    def get_tag(self):
        return ("py3", "none", PLATFORM or "any")


setup(distclass=Platform, cmdclass={"bdist_wheel": Wheel})
