"""How many execs a second one collector records, with the rings of a machine of many CPUs."""
