"""Policies that read their input in roundabout ways, as text by what is hard in each.

Their inputs are objects of `a`, `b`, `c`, `list`, `name`, with anything in them.
"""

V0 = "package sigstore\n"
V1 = "package sigstore\nimport rego.v1\n"

POLICIES: dict[str, str] = {
    "a path": V1 + "isCompliant := input.a.b",
    "a key that is no name": V1 + 'isCompliant := input["a"]["b c"]',
    "an index": V1 + "isCompliant := input.list[1].a",
    "any element": V0 + "isCompliant { input.list[_].a == 1 }",
    "a named index in two places": V0 + "isCompliant { input.list[i].a == input.b[i].a }",
    "a key that is read": V1 + "isCompliant := input.a[input.name]",
    "a key from a list of constants": V1 + 'isCompliant contains x if {\n some k in ["b", "c"]\n'
    ' x := {"error": sprintf("%v", [input.a[k]])}\n}',
    "an outer variable with the name of an inner one": V1 + "isCompliant := [y, z] if {\n"
    ' y := [x | some k in ["b"]; x := input.a[k]]\n some k\n z := input.b[k]\n}',
    "an alias": V1 + "isCompliant if {\n some c in input.list\n d := c\n d.a == 1\n}",
    "an alias by unification": V0 + "isCompliant { c = input.list[_]; c.a = 1 }",
    "an alias compared later": V0 + "isCompliant { c = input.a; c.x; c = input.b }",
    "an alias bound inside and outside": V0 + "isCompliant = x { x := [1 | c = input.list[_]]; c = input.a }",
    "an alias that is declared first": V0 + "isCompliant { some c; c = input.list[_]; c.a == 1 }",
    "a variable that is a key and a value": V0 + "isCompliant { input.a[k]; k = input.name }",
    "an object pattern": V0 + 'isCompliant = x { {"b": x} = input.a }',
    "an array pattern": V0 + "isCompliant = [x, y] { [x, y] := input.list }",
    "a pattern in some": V1 + 'isCompliant contains {"error": x} if some {"a": x} in input.list',
    "a function": V1 + "f(x) := x.a.b\nisCompliant := f(input)",
    "a function that compares": V1 + "f(x, y) if x == y\nisCompliant if f(input.a, input.b)",
    "a function of a pattern": V1 + "f([x, y]) := x\nisCompliant := f(input.list)",
    "a function with an output argument": V0 + "f(x) = y { y := x.b }\nisCompliant = z { f(input.a, z) }",
    "a function with rivals": V1 + "f(x) := x.a if x.b\nf(x) := x.b if x.a\nisCompliant if f(input.a)",
    "a function of many results": V1 + "f(x) := y if some y in x.list\nisCompliant if f(input)",
    "else": V1 + "f(x) := x.a if { x.b } else := x.c\nisCompliant := f(input.a)",
    "a guard that fails": V1
    + 'f(x) := sprintf("%v", [x]) if is_string(x)\nelse := sprintf("%v", [x.a])\nisCompliant := f(input.a)',
    "a guard that is no scalar": V1
    + 'f(x) := sprintf("%v", [x]) if is_object(x)\nelse := sprintf("%v", [x.a])\nisCompliant := f(input.a)',
    "a guard with a name of its own": V1
    + 'is_string(x) if x\nf(x) := sprintf("%v", [x]) if is_string(x)\nisCompliant := f(input.a)',
    "a guard by type name": V1 + 'f(x) := sprintf("%v", [x]) if type_name(x) in {"string", "null"}\n'
    'isCompliant contains {"error": f(input.a[_])}',
    "a guard of another variable": V1
    + "f(x) := concat(x, [y]) if { some y in input.list; is_string(y) }\nisCompliant := f(input.name)",
    "a complete rule": V1 + "p := input.a\nisCompliant := p.b",
    "a complete rule of many values": V1 + "p := x if some x in input.list\nisCompliant if p",
    "a complete rule with rivals": V1 + "p := input.a if input.b\np := input.b if input.a\nisCompliant if p",
    "a partial set": V1 + "p contains x if some x in input.list\nisCompliant := count(p)",
    "the order of a partial set": V1
    + "p contains x if some x in input.list\nisCompliant := [x.a | some x in p]",
    "a partial object": V1 + 'p["x"] := input.a\np["y"] := input.b\nisCompliant := [x.b | some x in p]',
    "a partial object with rivals": V1 + 'p["x"] := input.a\np["x"] := input.b\nisCompliant if p',
    "a partial object of computed keys": V1
    + "p[k] := x if some k, x in input.a\nisCompliant := [x.b | some x in p]",
    "rules below rules": V1 + "p.q.r := input.a\np.q[x] := 1 if some x in input.list\nisCompliant if p.q.r.b",
    "data by its path": V1 + "p := input.a\nisCompliant := data.sigstore.p.b",
    "all of data": V1 + "p := input.a\nisCompliant if { some x; data.sigstore[x].b }",
    "a default": V1 + 'default p := {}\np := input.a\nisCompliant := object.get(p, "b", 0)',
    "object.get with a default of the input": V1 + 'isCompliant := object.get(input.a, "b", input.b).x',
    "object.get with a path": V1 + 'isCompliant := object.get(input, ["a", "b"], 0)',
    "object.get with a computed path": V1 + "isCompliant := object.get(input, input.list, 0)",
    "object.get with a path in a variable": V1 + 'isCompliant := object.get(input, p, 0)\np := ["a", "b"]',
    "keys": V1 + "isCompliant := object.keys(input.a)",
    "a count": V1 + "isCompliant := count(input.a) + count(input.list)",
    "a count of a list of parts": V1 + "isCompliant := count([x | some x in input.list; x.a])",
    "a count of a set of parts": V1 + "isCompliant := count({x | some x in input.list; x.a})",
    "a set of parts of parts": V1 + "isCompliant := {x.a | some x in input.list}",
    "an object of parts": V1 + "isCompliant := {k: x.a | some k, x in input.a}",
    "a list that is picked from": V1 + "p := [input.a, input.b]\nisCompliant := p[1].b",
    "a list that is joined": V1
    + "p := array.concat(input.list, [input.a])\nisCompliant := [x.a | some x in p]",
    "an object that is picked from": V1 + 'p := {"x": input.a, "y": input.b}\nisCompliant := p.x.b',
    "an object with a computed key": V1 + "p := {input.name: input.a}\nisCompliant := p.x.b",
    "every": V1 + "isCompliant if every x in input.list { x.a == 1 }",
    "every with keys": V1 + 'isCompliant if every k, x in input.a { startswith(k, "b"); not x.a }',
    "a name beyond ASCII before every": V1
    + 'p := "käse"\nisCompliant if every xs in input.list { xs.a == p }',
    "not": V1 + "isCompliant if not input.a.b",
    "not of any": V0 + "isCompliant { not input.list[_].a }",
    "membership": V1 + "isCompliant if input.name in input.list",
    "membership of a key": V1 + 'isCompliant if "b", 1 in input.a',
    "membership among constants": V1 + 'isCompliant if not input.a in {"", null}',
    "membership in a part of a list": V1 + "isCompliant if input.a in [x.a | some x in input.list]",
    "null and absent": V1 + "isCompliant := [input.a == null, is_null(input.b)]",
    "an empty list": V1 + "isCompliant if input.list == []",
    "an empty object": V1 + "isCompliant if input.a != {}",
    "a type": V1 + "isCompliant := type_name(input.a)",
    "an order of types": V1 + "isCompliant if input.a < input.b",
    "walk": V1 + "isCompliant := count([p | walk(input.a, [p, _])])",
    "json.filter": V1 + 'isCompliant := json.filter(input, ["a/b"])',
    "arithmetic": V1 + "isCompliant := input.a.b + input.a.c",
    "with": V1 + 'p if input.a\nisCompliant if p with input as {"a": input.b}',
    "the whole input": V1 + "isCompliant := input",
    "the whole input by a function": V1 + "f(x) := count(json.marshal(x))\nisCompliant := f(input)",
    "a comprehension in a head": V0 + "isCompliant = [x | x := input.list[_].a]",
    "a rule in brackets": V0 + "p[x] { x := input.list[_] }\nisCompliant { p[x]; x.a }",
    "a rule with a name of a built-in's folder": V0 + "json = input.a\nisCompliant = json.marshal(input.b)",
    "nested comprehensions": V1 + "isCompliant := [[y.b | some y in x.list] | some x in input.list; x.a]",
    "nothing": V1 + "isCompliant := true",
}
"""Each compiles on regorus, or is refused there."""
