from support.task_case import CASES, TaskTests


class TestTranslation(TaskTests):
    case = CASES["translation"]
