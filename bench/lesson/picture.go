package lesson

import (
	"html/template"

	"iomodels/bench/trace"
	"iomodels/bench/trace/lanes"
)

// picture draws a trace as swim-lanes, with the digest of its file.
func picture(t *trace.Trace, file, digest string) template.HTML {
	source := lanes.Source{Trace: t, Digest: lanes.Digest{File: file, SHA256: digest}}
	return template.HTML(lanes.Picture(source))
}

// pictureStyle is the style sheet of pictures.
func pictureStyle() string { return lanes.CSS() }
