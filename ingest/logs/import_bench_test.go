package logs

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// nullSink shows what parsing costs by itself.
type nullSink struct{ n int }

func (s *nullSink) Add(_ context.Context, batch []store.Request) error {
	s.n += len(batch)
	return nil
}

// benchmarkImport reads lines with distinct recording keys, a block of them again and again.
func benchmarkImport(b *testing.B, format string, line func(i int) string) {
	const lines = 50000
	var text strings.Builder
	for i := range lines {
		text.WriteString(line(i))
	}
	o := testOptions(b)
	o.Format, o.Tenant = format, "acme"
	b.SetBytes(int64(text.Len() / lines))
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += lines {
		var sink nullSink
		if _, err := Import(context.Background(), strings.NewReader(text.String()), &sink, o); err != nil || sink.n != lines {
			b.Fatal(sink.n, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkImportJSONL(b *testing.B) {
	benchmarkImport(b, FormatJSONL, func(i int) string {
		return fmt.Sprintf(`{"started_at":"2026-11-01T02:%02d:%02d.%06dZ","method":"GET","url":"https://acme.xima.cloud/rest/api/v2/recordings/0f8b6c1e-6a5d-4f44-9d25-%012x-1730419200000/audio","status":200,"tenant":"acme","duration_ms":%d.25,"response_bytes":9111000,"client":"nightly"}`+"\n", i/60%60, i%60, i, i, i%900)
	})
}

func BenchmarkImportCombined(b *testing.B) {
	benchmarkImport(b, FormatCombined, func(i int) string {
		return fmt.Sprintf(`192.0.2.%d - - [01/Nov/2026:02:%02d:%02d +0000] "GET /rest/api/v2/recordings/0f8b6c1e-6a5d-4f44-9d25-%012x-1730419200000/audio HTTP/1.1" 200 9111000 "-" "nightly/1.0"`+"\n", i%250, i/60%60, i%60, i)
	})
}
