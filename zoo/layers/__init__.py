from zoo.layers.recurrence import Recurrence
