package proto

import _ "embed"

// Vectors are the test vectors of HTTP, as JSON; the field "format" explains them. They stand in
// the program so that any server can be checked with them over real connections.
//
//go:embed testdata/vectors.json
var Vectors string
