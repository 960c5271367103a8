package main

import (
	"bytes"
	"fmt"
	"io"

	"iomodels/bench/history"
	"iomodels/bench/page"
	"iomodels/bench/record"
)

// pageFile is the page that report leaves in a run's folder.
const pageFile = "report.html"

// writeReportPage writes the page of a run as a file of its own.
func (a *app) writeReportPage(path string, run *record.Run, baseline string) error {
	return a.writePage(path, func(w io.Writer) error { return page.Report(w, run, baseline) })
}

// writeHistoryPage writes the page of a history.
func (a *app) writeHistoryPage(path string, file history.File) error {
	return a.writePage(path, func(w io.Writer) error { return page.History(w, file) })
}

// writePage composes a page before it touches the file: half a page would look like a whole one.
func (a *app) writePage(path string, compose func(io.Writer) error) error {
	var buf bytes.Buffer
	if err := compose(&buf); err != nil {
		return err
	}
	if err := record.WriteWhole(path, buf.Bytes()); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	fmt.Fprintf(a.stdout, "page: %s\n", path)
	return nil
}
