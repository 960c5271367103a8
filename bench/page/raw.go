package page

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"

	"iomodels/bench/record"
	"iomodels/bench/report"
	"iomodels/bench/stats/cells"
)

// rawLimit is how many bytes of packed records a page carries. With more, a page would be too heavy
// to pass around; then the records leave out what the page draws anyway, or stay in the run's folder,
// from which every figure stands in the page all the same.
const rawLimit = 190 << 10

// raw are the data behind the page, as files in it.
func (r *reporter) raw() ([]download, error) {
	var figures bytes.Buffer
	if err := report.Figures(r.set).CSV(&figures); err != nil {
		return nil, fmt.Errorf("embed figures: %w", err)
	}
	env, err := json.MarshalIndent(r.run.Env, "", " ")
	if err != nil {
		return nil, fmt.Errorf("embed environment: %w", err)
	}
	var out []download
	for _, file := range []struct {
		name, text string
		content    []byte
	}{
		{"figures.csv.gz", "every figure with its interval, one per line", figures.Bytes()},
		{record.EnvFile + ".gz", "machine, code and plan of the run", env},
	} {
		packed, err := pack(file.content)
		if err != nil {
			return nil, err
		}
		out = append(out, newDownload(file.name, file.text, packed))
	}
	records, text, err := r.records()
	if err != nil {
		return nil, err
	}
	if records == nil {
		return append(out, download{Name: record.RecordsFile, Text: text}), nil
	}
	return append(out, newDownload(record.RecordsFile+".gz", text, records)), nil
}

func newDownload(name, text string, content []byte) download {
	return download{
		Name: name, Text: text, URL: dataURL("application/gzip", content),
		Size: cells.Bytes.Format(float64(len(content))),
	}
}

// records packs the records, as whole as fits; nil: not at all.
func (r *reporter) records() (packed []byte, text string, err error) {
	for _, version := range []struct {
		text string
		slim func(*record.Record)
	}{
		{"the records, whole", func(*record.Record) {}},
		{"the records without percentile curves; the whole ones are in the run's folder", withoutCurves},
		{"the records without curves and time series; the whole ones are in the run's folder", withoutSeries},
	} {
		var lines bytes.Buffer
		out := json.NewEncoder(&lines)
		for _, rec := range r.run.Records {
			version.slim(&rec)
			if err := out.Encode(rec); err != nil {
				return nil, "", fmt.Errorf("embed records: %w", err)
			}
		}
		if lines.Len() > 20*rawLimit { // no records pack as well as that
			continue
		}
		if packed, err = pack(lines.Bytes()); err != nil {
			return nil, "", err
		}
		if len(packed) <= rawLimit {
			return packed, version.text, nil
		}
	}
	return nil, "too large for a page; in the run's folder", nil
}

func withoutCurves(rec *record.Record) {
	rec.Load.Response.Curve, rec.Load.Service.Curve = nil, nil
	rec.Load.Lag.Curve, rec.Load.Connect.Curve = nil, nil
	rec.Load.Kinds, rec.Load.Stamps.Send.Curve, rec.Load.Stamps.Receive.Curve = nil, nil, nil
}

func withoutSeries(rec *record.Record) {
	withoutCurves(rec)
	rec.Load.Intervals = nil
}

// pack compresses; without a time in the header, so that the same content gives the same bytes.
func pack(content []byte) ([]byte, error) {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := io.Copy(w, bytes.NewReader(content)); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return buf.Bytes(), nil
}
