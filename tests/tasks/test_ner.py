from support.task_case import CASES, TaskTests


class TestNamedEntities(TaskTests):
    case = CASES["ner"]
