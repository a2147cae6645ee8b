"""A page to try the models out: `python -m zoo demo`.

Each task has a tab. What is in it follows from the kind of predictor that the task declares
(`zoo.demo.panels`); a task of a kind without a panel of its own gets text, or a file, in and the
prediction out.
"""
