package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// BenchmarkRebuild makes a state anew from a tenant that nobody holds: what it
// costs beyond the answers of the service, how much memory it takes, and how large
// the state becomes.
func BenchmarkRebuild(b *testing.B) {
	for _, from := range []pipeline.RebuildFrom{pipeline.FromLists, pipeline.FromExports} {
		for _, n := range sizes(1_000, 10_000) {
			b.Run(string(from)+"/"+sizeName(n), func(b *testing.B) {
				b.ReportAllocs()
				peak, size := 0.0, int64(0)
				for b.Loop() {
					path := filepath.Join(b.TempDir(), "rebuilt.state.db")
					st := openState(b, path, false)
					memory := watchMemory()
					sum, err := pipeline.Rebuild(b.Context(), pipeline.RebuildInput{API: tenantOf(n), Store: st, From: from, SettleTime: time.Nanosecond})
					peak = max(peak, memory())
					if err != nil || sum.Records != n {
						b.Fatalf("%+v, %v", sum, err)
					}
					if err := st.Close(); err != nil {
						b.Fatal(err)
					}
					info, err := os.Stat(path)
					if err != nil {
						b.Fatal(err)
					}
					size = info.Size()
				}
				perItem(b, n)
				b.ReportMetric(peak, "peak-MB")
				b.ReportMetric(float64(size)/float64(n), "state-B/item")
			})
		}
	}
}

// tenantOf is a tenant with n assets, made when they are asked for.
type tenantOf int

func (n tenantOf) CountAssets(context.Context, showpad.AssetFilter) (int, bool, error) {
	return int(n), true, nil
}

func (n tenantOf) Assets(context.Context, showpad.AssetFilter) iter.Seq2[showpad.Asset, error] {
	return func(yield func(showpad.Asset, error) bool) {
		for i := range int(n) {
			var a showpad.Asset
			err := json.Unmarshal(fmt.Appendf(nil, `{"id":"%032x","currentFile":{"id":"%032x"},"name":"%07d.bin","division":{"id":"d1000000000000000000000000000001"},
				"status":"active","type":"document","externalId":"%s","description":"%s","createdAt":"2026-03-10T15:43:25.000Z","expiresAt":null,"releasedAt":null,"draftedAt":null,
				"permissions":{"isAnnotatable":true,"isEditable":false,"isShareable":true},"isProcessedUsed":true,"isSpeakerNotesEnabled":false,"isDivisionShared":false,
				"isSensitive":false,"isArchived":false,"isRenderExternalAllowed":false,"isOnlyEntireDocumentShareable":false,"lockedPages":[],"enforcedPages":null,"url":null,
				"checksum":"%032x","size":4096,"tags":[{"id":"%032x"},{"id":"%032x"}],"countries":[],"languages":[{"code":"en"}],"authors":[{"id":"%032x"}],
				"downloadableExternal":[],"downloadableInternal":["original"]}`, i, i+1, i, idOf(i), descriptionOf(i), i, 1, 2, 3), &a)
			if !yield(a, err) {
				return
			}
		}
	}
}

func (n tenantOf) ExportAssets(context.Context) iter.Seq2[showpad.ExportedAsset, error] {
	return func(yield func(showpad.ExportedAsset, error) bool) {
		for i := range int(n) {
			if !yield(showpad.ExportedAsset{ID: fmt.Sprintf("%032x", i), ExternalID: idOf(i), Status: showpad.StatusActive, Source: "shared", Size: fileSize}, nil) {
				return
			}
		}
	}
}
