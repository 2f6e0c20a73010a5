"""`course grade`: a class's notebooks to grades, each with its reason.

layouts, reading    files of any layout, and the cells in them
finding             an exercise's code in the syntax tree, with all that it needs
fences, callers     what holds a submission in; the checks without their answers
warm, child         the process that children are forked from, and what runs in a child
wire, wall          bounded plain data, and the two sides that exchange it
marking, lessons    one submission judged; what is graded, and the published solution
spreading, working  submissions over processes or a cluster; one of them worked on
batch, tables, pages, class_page    a whole class, resumable, and what is written about it
"""
