from support.task_case import CASES, TaskTests


class TestSentiment(TaskTests):
    case = CASES["sentiment"]
