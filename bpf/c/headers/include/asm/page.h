/* PAGE_SIZE comes as a -D flag: it is the machine's. */
