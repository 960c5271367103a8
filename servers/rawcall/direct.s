// A function without a body is only allowed in a package with a file of assembly.
