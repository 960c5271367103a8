package loadgen

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite summary.schema.json")

const schemaFile = "summary.schema.json"

// TestSchemaIsUpToDate derives the schema of a Summary from its Go types and their comments, so
// the file that other programs read cannot drift from what netload prints.
func TestSchemaIsUpToDate(t *testing.T) {
	schema := schemaOf(reflect.TypeFor[Summary](), comments(t))
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "netload summary"
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(schema); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is out of date: run go test ./loadgen -run Schema -update", schemaFile)
	}
}

// TestSummaryFitsSchema holds the JSON of a real run against the file.
func TestSummaryFitsSchema(t *testing.T) {
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	srv := serve(t, echoes)
	p := quick(srv, "epoll")
	p.Rate = 500
	out, err := json.Marshal(carryOut(t, p))
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(out, &value); err != nil {
		t.Fatal(err)
	}
	fits(t, "summary", value, schema)
	delete(value.(map[string]any), "verdict")
	if complaints := misfits("summary", value, schema); len(complaints) != 1 {
		t.Errorf("a summary without verdict: %q", complaints)
	}
}

// comments collects what loadgen.go says of each type and field.
func comments(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "loadgen.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	says := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			for _, name := range field.Names {
				text := field.Comment.Text() + field.Doc.Text()
				says[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(text), " ")
			}
		}
		return false
	})
	return says
}

func schemaOf(t reflect.Type, says map[string]string) map[string]any {
	switch t.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Pointer:
		return schemaOf(t.Elem(), says)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem(), says)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem(), says)}
	}
	properties, required := map[string]any{}, []string{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		property := schemaOf(field.Type, says)
		if text := says[t.Name()+"."+field.Name]; text != "" {
			property["description"] = text
		}
		properties[name] = property
		if options != "omitempty" {
			required = append(required, name)
		}
	}
	return map[string]any{
		"type": "object", "properties": properties, "required": required, "additionalProperties": false,
	}
}

func fits(t *testing.T, at string, value any, schema map[string]any) {
	t.Helper()
	for _, complaint := range misfits(at, value, schema) {
		t.Error(complaint)
	}
}

// misfits checks as much of JSON Schema as schemaOf writes.
func misfits(at string, value any, schema map[string]any) (complaints []string) {
	switch v := value.(type) {
	case map[string]any:
		if schema["type"] != "object" {
			return []string{at + " is an object"}
		}
		properties, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				complaints = append(complaints, at+"."+name.(string)+" is missing")
			}
		}
		for name, field := range v {
			sub, ok := properties[name].(map[string]any)
			if !ok {
				sub, ok = schema["additionalProperties"].(map[string]any)
			}
			if !ok {
				complaints = append(complaints, at+"."+name+" is not in the schema")
				continue
			}
			complaints = append(complaints, misfits(at+"."+name, field, sub)...)
		}
	case []any:
		items, ok := schema["items"].(map[string]any)
		if !ok {
			return []string{at + " is an array"}
		}
		for _, item := range v {
			complaints = append(complaints, misfits(at+"[]", item, items)...)
		}
	default:
		if want, got := schema["type"], jsonType(v); got != want && !(got == "integer" && want == "number") {
			return []string{at + " is " + got}
		}
	}
	return complaints
}

func jsonType(v any) string {
	switch v := v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	}
	return "null"
}
