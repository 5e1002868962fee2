"""Pure helpers for the FHIR data model: JSON, XML, dates, references, patches, outcomes. Imports only `errors`."""
