//! Fixtures that were loaded already: other databases with the same are made of an image, which takes a fraction of the time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{NaiveDate, NaiveDateTime};
use sea_orm::ConnectionTrait as _;
use sea_orm::sea_query::{Alias, Cond, Expr, ExprTrait as _, Query};
use tokio::sync::OnceCell;

use super::fixtures::{Loaded, Source};
use crate::database::{Database, Image, Transaction, dialect};
use crate::error::Result;

/// Of how many sets of fixtures images are kept: the last that were asked for.
const KEPT: usize = 16;

/// A database as it was when fixtures were loaded into a fresh one.
#[derive(Debug)]
pub struct Prepared {
    sources: Vec<Source>,
    /// What was loaded, and when.
    pub loaded: Loaded,
    pub image: Image,
    /// The columns that have the time of loading somewhere.
    dated: OnceCell<Arc<[Dated]>>,
}

/// Columns of a table.
#[derive(Debug)]
struct Dated {
    table: String,
    columns: Vec<String>,
}

impl Prepared {
    /// Writes, in a database that was made of the image, the time of now where that of loading is. Answers whether there
    /// was anything to do.
    ///
    /// # Errors
    /// The store failed.
    pub async fn redate(&self, database: &Arc<Database>) -> Result<bool> {
        let (then, now) = (self.loaded.at, database.clock().now());
        if then == now {
            return Ok(false);
        }
        let dated = self.dated.get_or_try_init(|| database.read(|tx| Box::pin(dated(tx, then)))).await?;
        let change = database.write(|tx| {
            let dated = Arc::clone(dated);
            Box::pin(async move { redate(tx, &dated, then, now).await })
        });
        change.await?;
        Ok(true)
    }
}

async fn dated(tx: &Transaction, then: NaiveDateTime) -> Result<Arc<[Dated]>> {
    let mut found = Vec::new();
    for table in dialect::tables(tx).await? {
        let columns = dialect::columns(tx, &table).await?;
        let times = columns.into_iter().filter(|column| column.kind == dialect::Kind::Timestamp);
        let columns: Vec<String> = times.map(|column| column.name).collect();
        if columns.is_empty() {
            continue;
        }
        let any = columns.iter().fold(Cond::any(), |any, column| any.add(has(column, then)));
        let query = Query::select().expr(Expr::val(1)).from(Alias::new(&table)).cond_where(any).limit(1).take();
        if tx.row(&query).await?.is_some() {
            found.push(Dated { table, columns });
        }
    }
    Ok(found.into())
}

async fn redate(tx: &Transaction, dated: &[Dated], then: NaiveDateTime, now: NaiveDateTime) -> Result<()> {
    for Dated { table, columns } in dated {
        for column in columns {
            let mut update = Query::update();
            update.table(Alias::new(table)).value(Alias::new(column), now).and_where(has(column, then));
            tx.execute(&update).await?;
        }
    }
    Ok(())
}

fn has(column: &str, time: NaiveDateTime) -> Expr {
    Expr::col(Alias::new(column)).eq(time)
}

/// The sets of fixtures that were loaded last.
#[derive(Debug, Default)]
pub struct Pantry(Mutex<VecDeque<Arc<Prepared>>>);

impl Pantry {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Prepared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was prepared with these fixtures on that day, since a day may be what a field begins with.
    #[must_use]
    pub fn find(&self, sources: &[Source], today: NaiveDate) -> Option<Arc<Prepared>> {
        let mut kept = self.lock();
        let place = kept.iter().position(|known| known.loaded.at.date() == today && known.sources == sources)?;
        let known = kept.remove(place)?;
        kept.push_front(Arc::clone(&known));
        Some(known)
    }

    /// Keeps an image of a database that was fresh before these fixtures, unless it takes room in the store.
    pub fn keep(&self, sources: &[Source], loaded: &Loaded, image: Image) {
        if !matches!(image, Image::Pages(_)) {
            return;
        }
        let new = Prepared { sources: sources.to_vec(), loaded: loaded.clone(), image, dated: OnceCell::new() };
        let mut kept = self.lock();
        kept.retain(|known| known.sources != sources);
        kept.push_front(Arc::new(new));
        kept.truncate(KEPT);
    }
}
