package lesson

import (
	"fmt"
	"html"
	"html/template"

	"iomodels/bench/trace"
)

// picture shows a trace as the sequence of its calls, with the digest of its file.
func picture(t *trace.Trace, file, digest string) template.HTML {
	return template.HTML(fmt.Sprintf("<pre>%s\n%s</pre><figcaption>%s sha256 %s</figcaption><svg hidden></svg>",
		html.EscapeString(t.Header.Model), html.EscapeString(trace.Usual(t.Sequences(trace.MarkSend), 1).String()),
		file, digest))
}

// pictureStyle is the style sheet of pictures.
func pictureStyle() string { return "" }
