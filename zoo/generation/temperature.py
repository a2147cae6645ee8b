"""The range of temperatures, apart from what needs TensorFlow, for whoever parses options."""

HOTTEST = 1e6
"""The highest temperature: all choices are equally probable long before."""
