"""An application that mails invoices, small and real: settings, an outbox on disk, a mailer."""
