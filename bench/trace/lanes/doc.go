// Package lanes draws a trace as swim-lanes: who did what, in which order, and who waited meanwhile.
//
//	trace file ──▶ Scene: rows, items, bars, states ──▶ SVG, one model
//	   │ sha256                     │                └─▶ SVG, models side by side
//	   └────── in every picture     └──▶ package page, step by step
//
// # How to read a picture
//
// Time runs downwards and is ordinal: a row is an event, however long it took, for on a linear axis
// nearly all would be silence. The lanes are, from left to right, the client, the wire, the kernel,
// the threads, the goroutines, and in grey what the Go runtime does for itself. A box is something
// that was seen; its letter and its colour both say what kind of thing. A box over several rows was
// going on while the others happened. The bar in the kernel's lane runs from the submission of an
// operation to its completion: for so long its memory is not the program's to touch.
//
// # What is seen and what is concluded
//
// Boxes are events of the trace. Words without a box, in the lanes of the wire and of the kernel,
// are concluded from what calls returned; nobody looked at the wire.
package lanes
