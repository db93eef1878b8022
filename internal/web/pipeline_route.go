package web

import "hacek/internal/hub"

// pipelineRoutes are the pages of pipelines, their steps, and the translation tables that they use.
func pipelineRoutes() []route {
	const viewer, operator, editor = hub.Viewer, hub.Operator, hub.Editor
	return []route{
		{"GET", "/pipelines", viewer, (*visit).pipelinesPage, false},
		{"GET", "/pipelines/new", editor, (*visit).newPipelinePage, false},
		{"POST", "/pipelines/new", editor, (*visit).createPipeline, false},
		{"GET", "/pipelines/ready", editor, (*visit).readyPipelinePage, false},
		{"POST", "/pipelines/ready", editor, (*visit).applyReadyPipeline, false},
		{"GET", "/pipelines/{pipeline}", viewer, (*visit).pipelinePage, false},
		{"GET", "/pipelines/{pipeline}/edit", editor, (*visit).editPipelinePage, false},
		{"POST", "/pipelines/{pipeline}/edit", editor, (*visit).savePipeline, false},
		{"POST", "/pipelines/{pipeline}/pause", operator, (*visit).pausePipeline, false},
		{"POST", "/pipelines/{pipeline}/resume", operator, (*visit).resumePipeline, false},
		{"POST", "/pipelines/{pipeline}/switch", editor, (*visit).switchPipeline, false},
		{"POST", "/pipelines/{pipeline}/delete", editor, (*visit).deletePipeline, false},
		{"POST", "/pipelines/{pipeline}/dry-run", operator, (*visit).dryRunPipeline, false},
		{"GET", "/pipelines/{pipeline}/steps/new", editor, (*visit).newStepPage, false},
		{"POST", "/pipelines/{pipeline}/steps/new", editor, (*visit).saveStep, false},
		{"GET", "/pipelines/{pipeline}/steps/{step}", editor, (*visit).stepPage, false},
		{"POST", "/pipelines/{pipeline}/steps/{step}", editor, (*visit).saveStep, false},
		{"POST", "/pipelines/{pipeline}/steps/{step}/move", editor, (*visit).moveStep, false},
		{"POST", "/pipelines/{pipeline}/steps/{step}/remove", editor, (*visit).removeStep, false},

		{"GET", "/tables", viewer, (*visit).tablesPage, false},
		{"GET", "/tables/new", editor, (*visit).newTablePage, false},
		{"POST", "/tables/new", editor, (*visit).saveTable, false},
		{"GET", "/tables/{table}", viewer, (*visit).tablePage, false},
		{"POST", "/tables/{table}", editor, (*visit).saveTable, false},
		{"POST", "/tables/{table}/delete", editor, (*visit).deleteTable, false},
	}
}
