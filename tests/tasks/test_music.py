from support.task_case import CASES, TaskTests


class TestMusic(TaskTests):
    case = CASES["music"]
