package packs

import (
	"strings"
	"testing"
)

// textsOf are the sentences of a preset that people read.
func textsOf(p *Preset) []string {
	all := []string{p.Description}
	for _, t := range p.Tables {
		all = append(all, t.Description)
	}
	for name := range p.stepNames() {
		all = append(all, name)
	}
	return all
}

// Whoever sets up a ready pipeline or target, or receives from a provider, reads it in their language.
func TestE8_EveryTextOfAPackIsWrittenInEveryLanguage(t *testing.T) {
	all, err := readTexts()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	want := func(who string, texts []string) {
		for _, text := range texts {
			used[text] = true
			for _, language := range Languages() {
				if said := all[text][language]; strings.TrimSpace(said) == "" || language != "en" && said == text {
					t.Errorf("%s has no %s in texts.yaml for %q", who, language, text)
				}
			}
		}
	}
	for _, p := range everyPack(t) {
		for _, preset := range presetsOf(p) {
			want(p.Name+"/"+preset.Name, textsOf(&preset))
		}
	}
	for _, p := range everyProvider(t) {
		want(p.Name, p.Notes)
	}
	for text := range all {
		if !used[text] {
			t.Errorf("no preset and no provider says %q", text)
		}
	}
}

func TestE8_APresetSpeaksALanguage(t *testing.T) {
	pack, err := Open("shoptet")
	if err != nil {
		t.Fatal(err)
	}
	english := pack.Pipelines[0]
	german, err := english.In("de")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(textsOf(&german), "; "); !strings.Contains(got, "Status zuordnen") || strings.Contains(got, "Translate the status") || strings.Contains(got, "The statuses") {
		t.Errorf("in German it says %s", got)
	}
	if strings.Join(textsOf(&pack.Pipelines[0]), "") == strings.Join(textsOf(&german), "") || strings.Contains(string(pack.Pipelines[0].Settings), "Status zuordnen") {
		t.Error("the pack itself has changed")
	}
	if a, b := strings.Count(string(english.Settings), ","), strings.Count(string(german.Settings), ","); a != b {
		t.Errorf("the settings have %d commas, in English %d", b, a)
	}
}
