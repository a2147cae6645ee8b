from support.task_case import CASES, TaskTests


class TestLanguageModelling(TaskTests):
    case = CASES["language_model"]
